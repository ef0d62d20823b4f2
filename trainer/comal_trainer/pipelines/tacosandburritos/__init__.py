"""The sample `tacosandburritos`: transfer learning on folders of JPEG, one for each label."""
